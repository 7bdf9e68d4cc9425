import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Decision, type Demand, release, reserve, type Stock } from "./reserve.ts";

type Lines = Record<string, number>;
const order = (...lines: [productId: string, quantity: number][]): Demand => ({
  items: lines.map(([productId, quantity]) => ({ productId, quantity })),
});
const took = (...changes: [productId: string, delta: number, remaining: number][]): Decision => ({
  state: "reserved",
  changes: changes.map(([productId, delta, remaining]) => ({ productId, delta, remaining })),
});
const short = (detail: string): Decision => ({ state: "rejected", reason: "out_of_stock", detail });

const CASES: {
  name: string;
  stock: Lines;
  orders: Demand[];
  decisions: Decision[];
  left: Lines;
}[] = [
  {
    name: "takes what is wanted of each product",
    stock: { a: 5, b: 2 },
    orders: [order(["a", 2], ["b", 1])],
    decisions: [took(["a", -2, 3], ["b", -1, 1])],
    left: { a: 3, b: 1 },
  },
  {
    name: "takes the last piece",
    stock: { a: 2 },
    orders: [order(["a", 2]), order(["a", 1])],
    decisions: [took(["a", -2, 0]), short("a: 1 wanted, 0 left")],
    left: { a: 0 },
  },
  {
    name: "takes all items of an order or none",
    stock: { a: 5, b: 0 },
    orders: [order(["a", 2], ["b", 1]), order(["a", 5])],
    decisions: [short("b: 1 wanted, 0 left"), took(["a", -5, 0])],
    left: { a: 0 },
  },
  {
    name: "adds up the lines of one product",
    stock: { a: 5, b: 9 },
    orders: [order(["a", 2], ["b", 1], ["a", 2]), order(["b", 1], ["a", 1], ["b", 1], ["a", 1])],
    decisions: [took(["a", -4, 1], ["b", -1, 8]), short("a: 2 wanted, 1 left")],
    left: { a: 1, b: 8 },
  },
  {
    name: "knows nothing of a product: none left",
    stock: {},
    orders: [order(["__proto__", 1])],
    decisions: [short("__proto__: 1 wanted, 0 left")],
    left: {},
  },
  {
    name: "names the first short product in the order of ids",
    stock: { a: 0, b: 0 },
    orders: [order(["b", 1], ["a", 3])],
    decisions: [short("a: 3 wanted, 0 left")],
    left: {},
  },
  { name: "decides nothing for no orders", stock: { a: 1 }, orders: [], decisions: [], left: {} },
];

for (const { name, stock, orders, decisions, left } of CASES) {
  Deno.test(`reserve: ${name}`, () => {
    const result = reserve(orders, new Map(Object.entries(stock)));
    assertEquals(result.decisions, decisions);
    assertEquals(Object.fromEntries(result.left), left);
  });
}

Deno.test("release: gives back what each reservation took, one after the other", () => {
  const taken = [[{ productId: "a", delta: -2, remaining: 1 }], [
    { productId: "a", delta: -1, remaining: 0 },
    { productId: "b", delta: -4, remaining: 3 },
  ]];
  const { released, left } = release(taken, new Map([["a", 0], ["b", 3], ["c", 1]]));
  assertEquals(released, [[{ productId: "a", delta: 2, remaining: 2 }], [
    { productId: "a", delta: 1, remaining: 3 },
    { productId: "b", delta: 4, remaining: 7 },
  ]]);
  assertEquals(left, new Map([["a", 3], ["b", 7]]));
});

const productId = fc.constantFrom("a", "b", "c", "d", "unknown");
const demand = fc.record({
  items: fc.array(fc.record({ productId, quantity: fc.integer({ min: 1, max: 6 }) }), {
    minLength: 1,
    maxLength: 5,
  }),
}, { noNullPrototype: true });
const demands = fc.array(demand, { maxLength: 20 });
const stocks: fc.Arbitrary<Stock> = fc.record(
  { a: fc.nat(20), b: fc.nat(20), c: fc.nat(20), d: fc.constant(0) },
).map((pieces) => new Map(Object.entries(pieces)));

function property(name: string, check: (orders: Demand[], stock: Stock) => void): void {
  Deno.test(name, () => fc.assert(fc.property(demands, stocks, check)));
}

const wantedOf = ({ items }: Demand, productId: string) =>
  items.filter((item) => item.productId === productId).reduce((n, item) => n + item.quantity, 0);
const changesOf = (decision: Decision) => decision.state === "reserved" ? decision.changes : [];

property(
  "reserve: of every product, what is left is what was there and what was taken",
  (orders, stock) => {
    const { decisions, left } = reserve(orders, stock);
    const sums = new Map<string, number>();
    for (const { productId, delta } of decisions.flatMap(changesOf)) {
      sums.set(productId, (sums.get(productId) ?? 0) + delta);
    }
    assertEquals([...left.keys()].sort(), [...sums.keys()].sort());
    for (const [productId, sum] of sums) {
      assertEquals(left.get(productId), stock.get(productId)! + sum);
    }
  },
);

property(
  "reserve: takes exactly the order, or rejects it for what really is short",
  (orders, stock) => {
    const now = new Map(stock);
    const { decisions } = reserve(orders, stock);
    assertEquals(decisions.length, orders.length);
    orders.forEach((order, i) => {
      const decision = decisions[i]!;
      const productIds = [...new Set(order.items.map((item) => item.productId))].sort();
      const isShort = productIds.some((id) => (now.get(id) ?? 0) < wantedOf(order, id));
      assertEquals(decision.state, isShort ? "rejected" : "reserved");
      if (decision.state === "rejected") return;
      assertEquals(decision.changes.map((change) => change.productId), productIds);
      for (const { productId, delta, remaining } of decision.changes) {
        assertEquals(delta, -wantedOf(order, productId));
        now.set(productId, now.get(productId)! + delta);
        assertEquals(remaining, now.get(productId));
        assert(remaining >= 0);
      }
    });
  },
);

property("reserve: the order of an order's lines does not matter", (orders, stock) => {
  const reversed = orders.map(({ items }) => ({ items: items.toReversed() }));
  assertEquals(reserve(reversed, stock), reserve(orders, stock));
});

property("reserve: a batch and its orders one by one are decided alike", (orders, stock) => {
  const now = new Map(stock);
  const oneByOne = orders.flatMap((order) => {
    const { decisions, left } = reserve([order], now);
    for (const [productId, pieces] of left) now.set(productId, pieces);
    return decisions;
  });
  assertEquals(reserve(orders, stock).decisions, oneByOne);
});

property("release: undoes reserve", (orders, stock) => {
  const { decisions, left } = reserve(orders, stock);
  const afterwards = new Map([...stock, ...left]);
  const undone = release(decisions.map(changesOf), afterwards);
  assertEquals(new Map([...afterwards, ...undone.left]), stock);
});
