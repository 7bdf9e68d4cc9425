-- catalog
CREATE TABLE "customers" ("customer_id" text not null primary key, "name" text, "country" text, "currency" text, "tier" text, "status" text) strict, without rowid;
CREATE TABLE "products" ("product_id" text not null primary key, "name" text, "status" text, "prices" text) strict, without rowid;
-- fulfillment
CREATE TABLE "joins" ("order_id" text not null primary key, "stock" text, "payment" text, "outcome" text, "decided_by_topic" text, "decided_by_offset" integer) strict, without rowid;
CREATE TABLE "positions" ("input" text not null primary key, "cluster_id" text, "topic_id" text, "work_from" integer, "work_to" integer, "leader_epoch" integer, "owner" text) strict, without rowid;
-- gateway
CREATE TABLE "charges" ("idempotency_key" text not null primary key, "payment_id" text, "status" text, "reason" text, "amount_cents" integer, "currency" text, "refunded_cents" integer, "booked_by" text) strict, without rowid;
CREATE TABLE "refunds" ("idempotency_key" text not null primary key, "payment_id" text, "amount_cents" integer, "currency" text) strict, without rowid;
-- inventory
CREATE TABLE "reservations" ("order_id" text not null primary key, "state" text, "placed_at" text, "decided_at" text, "decision" text, "released_at" text, "released" text) strict, without rowid;
CREATE TABLE "stock" ("product_id" text not null primary key, "initial" integer, "on_hand" integer) strict, without rowid;
CREATE TABLE "positions" ("input" text not null primary key, "cluster_id" text, "topic_id" text, "work_from" integer, "work_to" integer, "leader_epoch" integer, "owner" text) strict, without rowid;
-- payment
CREATE TABLE "payments" ("order_id" text not null primary key, "state" text, "payment_id" text, "amount_cents" integer, "currency" text, "reason" text, "detail" text, "placed_at" text, "occurred_at" text, "refunded_at" text) strict, without rowid;
CREATE TABLE "positions" ("input" text not null primary key, "cluster_id" text, "topic_id" text, "work_from" integer, "work_to" integer, "leader_epoch" integer, "owner" text) strict, without rowid;
-- simulator
CREATE TABLE "runs" ("run_id" text not null primary key, "seed" integer, "started_at" text, "acknowledged" integer, "finished_at" text) strict, without rowid;
CREATE TABLE "placements" ("run_id" text not null primary key, "placed" integer, "unknown_since_ms" integer, "made_with" text, "epoch" integer) strict, without rowid;
-- validator
CREATE TABLE "seen_orders" ("order_id" text not null primary key, "source_partition" integer, "source_offset" integer) strict, without rowid;
CREATE TABLE "positions" ("input" text not null primary key, "cluster_id" text, "topic_id" text, "work_from" integer, "work_to" integer, "leader_epoch" integer, "owner" text) strict, without rowid;
