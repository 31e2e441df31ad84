"""Each notebook is run once for each runtime; all else is asserted on the record of that run."""
