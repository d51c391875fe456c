"""Who reaches what: the matrix of personas and operations, judged by what is seen and changed."""
