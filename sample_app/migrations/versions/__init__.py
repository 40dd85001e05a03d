"""One step a file. A step never imports the models: they go on changing, it does not."""
