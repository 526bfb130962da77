"""Makes LiteRT and ONNX of PyTorch models, and LiteRT of ONNX, in a process of its own.

`work` executes in that process: PyTorch, litert-torch and what they compile never share memory with TensorFlow, a crash
costs one form of the model, and the Python that executes it may be that of another environment. `process` starts it.
"""
