"""The HTTP server: an OpenAI-compatible chat API, reranking, corpora and threads. `app.py` puts it together, `gate.py` guards it."""
