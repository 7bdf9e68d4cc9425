-- catalog
insert into "customers" (customer_id,name,country,currency,tier,status) values ('c-00001', 'Ada Müller', 'DE', 'EUR', 'gold', 'active');
insert into "products" (product_id,name,status,prices) values ('p-0001', 'It''s a "lamp"', 'active', '{"EUR":100}');
-- fulfillment
insert into "joins" (order_id,stock,payment,outcome,decided_by_topic,decided_by_offset) values ('r1-000000', '{"agreed":true}', '{"agreed":false,"reason":"card_declined","detail":"a test","amountCents":100,"currency":"EUR"}', '{"type":"OrderCancelled","version":1,"orderId":"r1-000000","occurredAt":"2025-12-31T23:59:59.000Z","placedAt":"2025-12-31T23:59:59.000Z","totalCents":100,"currency":"EUR","eventId":"r1-000000/OrderCancelled","reason":"card_declined","detail":"a test"}', 'inventory.events', 0);
insert into "joins" (order_id,stock,payment,outcome,decided_by_topic,decided_by_offset) values ('r1-000001', '{"agreed":true}', '{"agreed":false,"reason":"card_declined","detail":"a test","amountCents":100,"currency":"EUR"}', '{"type":"OrderCancelled","version":1,"orderId":"r1-000001","occurredAt":"2025-12-31T23:59:59.000Z","placedAt":"2025-12-31T23:59:59.000Z","totalCents":100,"currency":"EUR","eventId":"r1-000001/OrderCancelled","reason":"card_declined","detail":"a test"}', 'inventory.events', 1);
insert into "positions" (input,cluster_id,topic_id,work_from,work_to,leader_epoch,owner) values ('inventory.events/0', 'c', 't', 0, 2, null, '5f0c9d5e-1111-4222-8333-444455556666');
-- gateway
insert into "charges" (idempotency_key,payment_id,status,reason,amount_cents,currency,refunded_cents,booked_by) values ('r1-000000', 'pay-r1-000000', 'charged', null, 100, 'EUR', 100, 'b779e349-c540-45db-818f-bbb0c8814d7a/1');
insert into "charges" (idempotency_key,payment_id,status,reason,amount_cents,currency,refunded_cents,booked_by) values ('r1-000001', 'pay-r1-000001', 'charged', null, 100, 'EUR', 100, 'b779e349-c540-45db-818f-bbb0c8814d7a/2');
insert into "refunds" (idempotency_key,payment_id,amount_cents,currency) values ('refund-r1-000000', 'pay-r1-000000', 100, 'EUR');
insert into "refunds" (idempotency_key,payment_id,amount_cents,currency) values ('refund-r1-000001', 'pay-r1-000001', 100, 'EUR');
-- inventory
insert into "reservations" (order_id,state,placed_at,decided_at,decision,released_at,released) values ('r1-000000', 'released', '2025-12-31T23:59:59.000Z', '2025-12-31T23:59:59.000Z', '{"state":"reserved","changes":[{"productId":"p-0001","delta":-1,"remaining":999}]}', '2025-12-31T23:59:59.000Z', '[{"productId":"p-0001","delta":1,"remaining":999}]');
insert into "reservations" (order_id,state,placed_at,decided_at,decision,released_at,released) values ('r1-000001', 'released', '2025-12-31T23:59:59.000Z', '2025-12-31T23:59:59.000Z', '{"state":"reserved","changes":[{"productId":"p-0001","delta":-1,"remaining":998}]}', '2025-12-31T23:59:59.000Z', '[{"productId":"p-0001","delta":1,"remaining":1000}]');
insert into "stock" (product_id,initial,on_hand) values ('p-0001', 1000, 1000);
insert into "positions" (input,cluster_id,topic_id,work_from,work_to,leader_epoch,owner) values ('orders.validated/0', 'c', 't', 0, 2, null, '5f0c9d5e-1111-4222-8333-444455556666');
-- payment
insert into "payments" (order_id,state,payment_id,amount_cents,currency,reason,detail,placed_at,occurred_at,refunded_at) values ('r1-000000', 'refunded', 'pay-r1-000000', 100, 'EUR', null, null, '2025-12-31T23:59:59.000Z', '2025-12-31T23:59:59.000Z', '2025-12-31T23:59:59.000Z');
insert into "payments" (order_id,state,payment_id,amount_cents,currency,reason,detail,placed_at,occurred_at,refunded_at) values ('r1-000001', 'refunded', 'pay-r1-000001', 100, 'EUR', null, null, '2025-12-31T23:59:59.000Z', '2025-12-31T23:59:59.000Z', '2025-12-31T23:59:59.000Z');
insert into "positions" (input,cluster_id,topic_id,work_from,work_to,leader_epoch,owner) values ('orders.validated/0', 'c', 't', 0, 2, null, '5f0c9d5e-1111-4222-8333-444455556666');
-- simulator
insert into "runs" (run_id,seed,started_at,acknowledged,finished_at) values ('run-1', 7, '2026-01-02T03:04:05.678Z', 1, null);
insert into "placements" (run_id,placed,unknown_since_ms,made_with,epoch) values ('run-1', 2, 1767323046000, '{"seed":7,"refusedShare":0.04,"brokenShare":0.002,"zipfExponent":1}', 1);
-- validator
insert into "seen_orders" (order_id,source_partition,source_offset) values ('r1-000000', 0, 0);
insert into "seen_orders" (order_id,source_partition,source_offset) values ('r1-000001', 0, 1);
insert into "positions" (input,cluster_id,topic_id,work_from,work_to,leader_epoch,owner) values ('*', null, null, 0, 0, null, '');
insert into "positions" (input,cluster_id,topic_id,work_from,work_to,leader_epoch,owner) values ('orders.raw/0', 'c', 't', 0, 2, null, '5f0c9d5e-1111-4222-8333-444455556666');
