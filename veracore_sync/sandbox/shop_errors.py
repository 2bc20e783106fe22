"""The two ways in which Vendure refuses a request."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """An expected refusal: a member of a result union, answered with HTTP 200.

    `typename` is its GraphQL type, `code` its errorCode; `details` are the type's further fields.
    """

    def __init__(self, typename: str, code: str, message: str, **details: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.typename = typename
        self.code = code
        self.message = message
        self.details = details

    def document(self) -> dict[str, Any]:
        """The fields of the GraphQL object."""
        return {
            "__typename": self.typename,
            "errorCode": self.code,
            "message": self.message,
            **self.details,
        }


class Thrown(Exception):
    """What a resolver throws: ends up in ``errors``, with HTTP 200.

    `code` is ``extensions.code``; None, as of a database's own error, means no extensions at all.
    """

    def __init__(self, message: str, code: str | None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def not_found(entity: str, id: str) -> Thrown:
    """The error for an id that no entity has."""
    return Thrown(f'No {entity} with the id "{id}" could be found', "ENTITY_NOT_FOUND")


def stuck(typename: str, message: str, why: str, from_state: str, to_state: str) -> Refusal:
    """The refusal of a state transition; `message` may be an untranslated key, as Vendure's is."""
    code = {
        "OrderStateTransitionError": "ORDER_STATE_TRANSITION_ERROR",
        "FulfillmentStateTransitionError": "FULFILLMENT_STATE_TRANSITION_ERROR",
    }[typename]
    states = {"fromState": from_state, "toState": to_state}
    return Refusal(typename, code, message, transitionError=why, **states)
