"""How the audit proves itself: the tree, its signed heads, receipts, and the verifier. Pure: bytes in, verdicts out."""
