"""One file per errand: submit, read, follow, edit a mapping, administer. Only these ask the gate."""
