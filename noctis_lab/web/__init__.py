"""HTTP: the pages' and scripts' doors. FastAPI; mounts the pages of `views` by one function."""
