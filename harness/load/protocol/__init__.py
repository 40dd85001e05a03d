"""Messages between the harness, a generator, a master and its workers, encoded and decoded."""
