import { assertEquals, assertNotEquals } from "@std/assert";
import { ownerOf, ownerToken } from "./owner.ts";

Deno.test("owner: a token names its owner, whatever a member is called, and is no other's", () => {
  for (const memberId of ["validator-1-6f0c", "a member with spaces", "ü"]) {
    const owner = { transactionalId: "shop.validator-4711", memberId };
    assertEquals(ownerOf(ownerToken(owner)), owner);
    assertNotEquals(ownerToken(owner), ownerToken(owner));
  }
});

Deno.test("owner: a token from before version 0.2, or of a position that a person set, names nobody", () => {
  for (const token of ["", crypto.randomUUID(), "one two"]) assertEquals(ownerOf(token), undefined);
});
