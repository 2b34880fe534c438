// The Node client, commanded by lines of JSON on standard input; it reports on standard output.
import { createInterface } from "node:readline";
import { Stream } from "@motiadev/stream-client-node";
import { control } from "./control.js";

const command = control(Stream, (report) => console.log(JSON.stringify(report)));
createInterface({ input: process.stdin })
  .on("line", (line) => command(JSON.parse(line)))
  .on("close", () => process.exit(0));
