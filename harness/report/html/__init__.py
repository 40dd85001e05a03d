"""A judged run, a comparison or past runs go in; one self-contained page comes out."""
