/** The closed lists of reasons: words that programs may rely on; `detail` beside them is for people. */

/** Why the validator refuses an order. */
export const REJECTION_REASONS = [
  "empty_order",
  "too_many_items",
  "bad_quantity",
  "bad_price",
  "total_mismatch",
  "unknown_customer",
  "blocked_customer",
  "unknown_product",
  "discontinued_product",
  "unsupported_currency",
  "price_mismatch",
] as const;
export type RejectionReason = typeof REJECTION_REASONS[number];

/** Why the inventory refuses an order. */
export const STOCK_REFUSAL_REASONS = ["out_of_stock"] as const;
export type StockRefusalReason = typeof STOCK_REFUSAL_REASONS[number];

/** Why a payment failed. */
export const PAYMENT_FAILURE_REASONS = [
  "card_declined",
  "insufficient_funds",
  "expired_card",
] as const;
export type PaymentFailureReason = typeof PAYMENT_FAILURE_REASONS[number];

/** Why an order was cancelled: the stock's reason, or else the payment's. */
export const CANCELLATION_REASONS = [...STOCK_REFUSAL_REASONS, ...PAYMENT_FAILURE_REASONS] as const;
export type CancellationReason = typeof CANCELLATION_REASONS[number];

/** Why a message is a dead letter. */
export const DEAD_LETTER_REASONS = [
  "empty_value",
  "too_large",
  "invalid_utf8",
  "invalid_json",
  "unknown_type",
  "unknown_version",
  "wrong_shape",
  "missing_key",
  "key_mismatch",
  "duplicate_order",
  "processing_failed",
  // A whole batch that a person decided to go past; the others are of one message each.
  "unreadable",
] as const;
export type DeadLetterReason = typeof DEAD_LETTER_REASONS[number];

/** Why records are not in the log any more that a reader would have read. */
export const LOSS_REASONS = ["deleted", "truncated", "before_start"] as const;
export type LossReason = typeof LOSS_REASONS[number];
