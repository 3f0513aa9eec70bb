"""Networks outside Python: ONNX files, and pages that run a network in any browser."""
