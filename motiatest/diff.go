package motiatest

import "strings"

// unchanged is how many equal lines a difference shows around lines that differ.
const unchanged = 3

// diff returns the lines of both texts. Lines only in a begin with "- ", lines only in b with "+ ". Long equal parts
// are omitted.
func diff(a, b string) string {
	from, to := lines(a), lines(b)
	type edit struct {
		mark byte
		line string
	}
	var edits []edit
	common := commonLines(from, to)
	i, j := 0, 0
	for i < len(from) || j < len(to) {
		switch {
		case i < len(from) && j < len(to) && from[i] == to[j]:
			edits = append(edits, edit{' ', from[i]})
			i, j = i+1, j+1
		case j == len(to) || i < len(from) && common[i+1][j] >= common[i][j+1]:
			edits = append(edits, edit{'-', from[i]})
			i++
		default:
			edits = append(edits, edit{'+', to[j]})
			j++
		}
	}
	var out strings.Builder
	near := func(at int) bool {
		for k := max(0, at-unchanged); k <= min(len(edits)-1, at+unchanged); k++ {
			if edits[k].mark != ' ' {
				return true
			}
		}
		return false
	}
	skipping := false
	for k, e := range edits {
		if !near(k) {
			if !skipping {
				out.WriteString("  ...\n")
			}
			skipping = true
			continue
		}
		skipping = false
		out.WriteByte(e.mark)
		out.WriteByte(' ')
		out.WriteString(e.line)
		out.WriteByte('\n')
	}
	return out.String()
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// maxTable bounds the table of commonLines. Beyond it differences are correct, but not the shortest.
const maxTable = 4 << 20

// commonLines returns the length of the longest common subsequence of a[i:] and b[j:].
func commonLines(a, b []string) [][]int {
	table := make([][]int, len(a)+1)
	if len(a)*len(b) > maxTable {
		zero := make([]int, len(b)+2)
		for i := range table {
			table[i] = zero
		}
		return table
	}
	for i := range table {
		table[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				table[i][j] = table[i+1][j+1] + 1
			} else {
				table[i][j] = max(table[i+1][j], table[i][j+1])
			}
		}
	}
	return table
}
