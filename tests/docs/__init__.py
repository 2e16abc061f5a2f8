"""Commands that write parts of docs/ from the code: settings and wings."""
