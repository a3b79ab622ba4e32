"""The bundled demo corpus: articles about the invented Ilvane Isles and questions on them."""
