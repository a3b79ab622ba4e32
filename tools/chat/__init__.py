"""chat: the one way in which Passel talks to a chat model.

Failure is a value: whatever a model or its server does (time-out, refused connection, an error status, garbage, a stream that breaks off),
a call ends in a `Reply` whose `error` is one clear line. Only a cancelled run raises: its CancelledError passes, and the HTTP request ends with it;
one that a client's own task ran into is a failure like others.
"""

from .asking import Reply, ask, stream
from .failures import describe
from .loading import load_chat_model
from .structured import ask_structured

__all__ = ["Reply", "ask", "ask_structured", "describe", "load_chat_model", "stream"]
