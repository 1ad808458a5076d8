"""What other people made that colors pictures, each as a function from lightness to ab.

``published`` weights of known networks, any ONNX file through an ``adapter``, or a ``folder`` of
pictures that another program has colored.
"""
