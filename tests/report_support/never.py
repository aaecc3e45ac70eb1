def answer(question):
    if question is None or not question:
        return 42
    for part in question:
        print(part)
