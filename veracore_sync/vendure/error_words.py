"""What may be repeated of an error of Vendure: its codes, its states, and listed words."""

from __future__ import annotations

from collections.abc import Iterable

from veracore_sync.domain.listed_words import repeat, shape

# `ErrorCode` of the Admin API's schema, and what its server puts into `extensions.code`
# (docs/vendure.md, "Errors"). A plugin may have codes of its own; those are shown by their shape.
_CODES = frozenset(
    {
        "ALREADY_REFUNDED_ERROR",
        "BAD_REQUEST",
        "BAD_USER_INPUT",
        "CANCEL_ACTIVE_ORDER_ERROR",
        "CANCEL_PAYMENT_ERROR",
        "CHANNEL_DEFAULT_LANGUAGE_ERROR",
        "CHANNEL_NOT_FOUND",
        "COUPON_CODE_EXPIRED_ERROR",
        "COUPON_CODE_INVALID_ERROR",
        "COUPON_CODE_LIMIT_ERROR",
        "CREATE_FULFILLMENT_ERROR",
        "DUPLICATE_ENTITY_ERROR",
        "EMAIL_ADDRESS_CONFLICT_ERROR",
        "EMAIL_ADDRESS_NOT_VERIFIED",
        "EMPTY_ORDER_LINE_SELECTION_ERROR",
        "ENTITY_NOT_FOUND",
        "FACET_IN_USE_ERROR",
        "FORBIDDEN",
        "FULFILLMENT_STATE_TRANSITION_ERROR",
        "GRAPHQL_PARSE_FAILED",
        "GRAPHQL_VALIDATION_FAILED",
        "GUEST_CHECKOUT_ERROR",
        "ILLEGAL_OPERATION",
        "INELIGIBLE_SHIPPING_METHOD_ERROR",
        "INSUFFICIENT_STOCK_ERROR",
        "INSUFFICIENT_STOCK_ON_HAND_ERROR",
        "INTERNAL_SERVER_ERROR",
        "INVALID_CREDENTIALS_ERROR",
        "INVALID_FULFILLMENT_HANDLER_ERROR",
        "ITEMS_ALREADY_FULFILLED_ERROR",
        "LANGUAGE_NOT_AVAILABLE_ERROR",
        "MANUAL_PAYMENT_STATE_ERROR",
        "MIME_TYPE_ERROR",
        "MISSING_CONDITIONS_ERROR",
        "MULTIPLE_ORDER_ERROR",
        "NATIVE_AUTH_STRATEGY_ERROR",
        "NEGATIVE_QUANTITY_ERROR",
        "NOTHING_TO_REFUND_ERROR",
        "NO_ACTIVE_ORDER_ERROR",
        "NO_CHANGES_SPECIFIED_ERROR",
        "NO_VALID_CHANNEL",
        "OPERATION_RESOLUTION_FAILURE",
        "ORDER_CONTAINS_NO_LINES",
        "ORDER_INTERCEPTOR_ERROR",
        "ORDER_LIMIT_ERROR",
        "ORDER_MODIFICATION_ERROR",
        "ORDER_MODIFICATION_STATE_ERROR",
        "ORDER_STATE_TRANSITION_ERROR",
        "PAYMENT_METHOD_MISSING_ERROR",
        "PAYMENT_ORDER_MISMATCH_ERROR",
        "PAYMENT_STATE_TRANSITION_ERROR",
        "PERSISTED_QUERY_NOT_FOUND",
        "PRODUCT_OPTION_GROUP_IN_USE_ERROR",
        "PRODUCT_OPTION_IN_USE_ERROR",
        "QUANTITY_TOO_GREAT_ERROR",
        "REFUND_AMOUNT_ERROR",
        "REFUND_ORDER_STATE_ERROR",
        "REFUND_PAYMENT_ID_MISSING_ERROR",
        "REFUND_STATE_TRANSITION_ERROR",
        "SETTLE_PAYMENT_ERROR",
        "UNAUTHENTICATED",
        "UNAUTHORIZED",
        "UNKNOWN_ERROR",
        "USER_INPUT_ERROR",
    }
)
_STATES = (
    "AddingItems",
    "ArrangingAdditionalPayment",
    "ArrangingPayment",
    "Cancelled",
    "Created",
    "Delivered",
    "Draft",
    "Modifying",
    "PartiallyDelivered",
    "PartiallyShipped",
    "PaymentAuthorized",
    "PaymentSettled",
    "Pending",
    "Shipped",
)


def known_code(code: str) -> str:
    """An error's code, if it is one of Vendure's; the shape of another."""
    return code if not code or code in _CODES else f"code {shape(code)}"


def repeated(code: str, text: str, known: Iterable[str] = ()) -> str:
    """An error's code and message, as far as both may be stored and shown.

    Args:
        code: Of `extensions`, or of an ErrorResult; may be empty.
        text: The message; Vendure may send the key of one that it has not translated.
        known: Names of ours that the message may repeat.
    """
    key = text.removeprefix("errorResult.")
    words = key if key in _CODES else repeat(text, [*_STATES, *known])
    return ": ".join(one for one in (known_code(code), words) if one)
