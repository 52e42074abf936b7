"""Images that a server makes: asked over HTTP, paced, retried, and held to the seed."""
