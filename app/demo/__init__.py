"""The tour: a fresh registry, the sample workbooks sent over HTTP, one department reading its own view of them."""
