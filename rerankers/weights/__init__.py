"""The trained weights that come with Passel; README.md beside this file is their model card."""
