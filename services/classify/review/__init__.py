"""Tools to judge the model by: why a text got its labels, what changes with another artefact, what a taxonomy lacks."""
