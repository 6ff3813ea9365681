"""What can be known: datasets, elements, units of measure, code lists, regions, periods. Pure: no I/O."""
