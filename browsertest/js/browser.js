// The browser client. esbuild bundles this, and exports it as the global `client`.
import { Stream } from "@motiadev/stream-client-browser";
import { control } from "./control.js";

export const command = control(Stream, (report) => window.report(JSON.stringify(report)));
