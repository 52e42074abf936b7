"""The command ``goldenseed``: one module a verb, each a thin call into what lies below."""
