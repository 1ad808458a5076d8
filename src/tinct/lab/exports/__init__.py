"""Models in the formats of other programs: OpenVINO, ncnn, LiteRT, Core ML, ONNX without decoding.

``models`` opens what is exported, ``formats`` writes it, ``runtimes`` runs what was written, and
``export`` puts the three together: a file appears only if it answers as ONNX Runtime does.
"""
