"""One migration per file. A migration never imports the models, because they change later."""
