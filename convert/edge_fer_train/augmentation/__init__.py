"""Random changes of training faces: warps, light, lost detail, mixed pairs; and the batches made from them."""
