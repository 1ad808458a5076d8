"""A live source of pictures: a camera, a pipeline, a stream, or a film played as one."""
