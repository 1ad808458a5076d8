import { expect, test } from "vitest";
import { texts } from "../src/page/texts";

test("what is likely is said to eyes and ears alike", () => {
  for (const probability of [0, 0.004, 0.01, 0.73, 1]) {
    expect(texts.likelyColor("#5e5952", probability)).toBe(`#5e5952, ${texts.percent(probability)} likely`);
  }
});
