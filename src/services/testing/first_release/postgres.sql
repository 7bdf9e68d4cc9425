-- catalog
create schema if not exists "catalog";
create table if not exists "catalog"."customers" ("customer_id" text collate "C" primary key, "name" text, "country" text, "currency" text, "tier" text, "status" text);
create table if not exists "catalog"."products" ("product_id" text collate "C" primary key, "name" text, "status" text, "prices" text);
-- fulfillment
create schema if not exists "fulfillment";
create table if not exists "fulfillment"."joins" ("order_id" text collate "C" primary key, "stock" text, "payment" text, "outcome" text, "decided_by_topic" text, "decided_by_offset" bigint);
create table if not exists "fulfillment"."positions" ("input" text collate "C" primary key, "cluster_id" text, "topic_id" text, "work_from" bigint, "work_to" bigint, "leader_epoch" bigint, "owner" text);
-- gateway
create schema if not exists "gateway";
create table if not exists "gateway"."charges" ("idempotency_key" text collate "C" primary key, "payment_id" text, "status" text, "reason" text, "amount_cents" bigint, "currency" text, "refunded_cents" bigint, "booked_by" text);
create table if not exists "gateway"."refunds" ("idempotency_key" text collate "C" primary key, "payment_id" text, "amount_cents" bigint, "currency" text);
-- inventory
create schema if not exists "inventory";
create table if not exists "inventory"."reservations" ("order_id" text collate "C" primary key, "state" text, "placed_at" text, "decided_at" text, "decision" text, "released_at" text, "released" text);
create table if not exists "inventory"."stock" ("product_id" text collate "C" primary key, "initial" bigint, "on_hand" bigint);
create table if not exists "inventory"."positions" ("input" text collate "C" primary key, "cluster_id" text, "topic_id" text, "work_from" bigint, "work_to" bigint, "leader_epoch" bigint, "owner" text);
-- payment
create schema if not exists "payment";
create table if not exists "payment"."payments" ("order_id" text collate "C" primary key, "state" text, "payment_id" text, "amount_cents" bigint, "currency" text, "reason" text, "detail" text, "placed_at" text, "occurred_at" text, "refunded_at" text);
create table if not exists "payment"."positions" ("input" text collate "C" primary key, "cluster_id" text, "topic_id" text, "work_from" bigint, "work_to" bigint, "leader_epoch" bigint, "owner" text);
-- simulator
create schema if not exists "simulator";
create table if not exists "simulator"."runs" ("run_id" text collate "C" primary key, "seed" bigint, "started_at" text, "acknowledged" bigint, "finished_at" text);
create table if not exists "simulator"."placements" ("run_id" text collate "C" primary key, "placed" bigint, "unknown_since_ms" bigint, "made_with" text, "epoch" bigint);
-- validator
create schema if not exists "validator";
create table if not exists "validator"."seen_orders" ("order_id" text collate "C" primary key, "source_partition" bigint, "source_offset" bigint);
create table if not exists "validator"."positions" ("input" text collate "C" primary key, "cluster_id" text, "topic_id" text, "work_from" bigint, "work_to" bigint, "leader_epoch" bigint, "owner" text);
