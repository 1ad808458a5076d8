import { describe, expect, test } from "vitest";
import { Recent } from "../src/recent";

describe("what was asked for last", () => {
  const counted = (): [Recent<string, string>, string[], (key: string) => Promise<string>] => {
    const [recent, made] = [new Recent<string, string>(2), [] as string[]];
    const get = (key: string): Promise<string> =>
      recent.get(key, async () => {
        made.push(key);
        if (key === "broken") throw new Error(key);
        return key;
      });
    return [recent, made, get];
  };
  test("is made once, also while it is being made", async () => {
    const [, made, get] = counted();
    expect(await Promise.all([get("a"), get("a")])).toEqual(["a", "a"]);
    expect(made).toEqual(["a"]);
  });
  test("pushes out what was used longest ago", async () => {
    const [recent, made, get] = counted();
    for (const key of ["a", "b", "a", "c", "a", "b"]) await get(key);
    expect(made).toEqual(["a", "b", "c", "b"]);
    expect([recent.has("a"), recent.has("b"), recent.has("c")]).toEqual([true, true, false]);
  });
  test("is made again where it failed", async () => {
    const [recent, made, get] = counted();
    for (let round = 0; round < 2; round++) await expect(get("broken")).rejects.toThrow("broken");
    expect(made).toEqual(["broken", "broken"]);
    expect(recent.has("broken")).toBe(false);
  });
});
