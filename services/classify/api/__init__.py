"""HTTP of the classify service: classify texts on request, and the model card."""
