"""Records made readable: tables, pictures and the one JSON document."""
