"""The built-in offline model: a program synthesiser behind the chat-model protocol. Not a language model."""
