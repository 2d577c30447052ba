/** Links between the pages of the documentation lead somewhere, headings included. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../../..");
const FOLDERS = [".", "bench", "docs", "docs/decisions", "docs/operate", "test/interop"];
const PAGES = FOLDERS.flatMap((folder) => readdirSync(join(ROOT, folder)).filter((name) => name.endsWith(".md")).map((name) => join(folder, name)));

const textOf = (page: string): string => readFileSync(join(ROOT, page), "utf8").replaceAll(/^```.*?^```/gms, "");

/** The names that GitHub gives the headings of a page. */
function anchorsOf(text: string): readonly string[] {
  const plain = (heading: string): string => heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll(/[^\p{L}\p{N}_\- ]/gu, "");
  return [...text.matchAll(/^#+ +(.+?) *$/gm)].map(([, heading = ""]) => plain(heading).toLowerCase().replaceAll(" ", "-"));
}

function brokenLinks(page: string, text: string): readonly string[] {
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link).filter((link) => !/^[a-z]+:/.test(link));
  return links.filter((link) => {
    const [path = "", anchor] = link.split("#");
    const target = path === "" ? page : normalize(join(dirname(page), path));
    if (!existsSync(join(ROOT, target))) return true;
    return anchor !== undefined && target.endsWith(".md") && !anchorsOf(textOf(target)).includes(anchor);
  });
}

test.each(PAGES)("%s: each link leads to a page and a heading that exist", (page) => {
  expect(brokenLinks(page, textOf(page))).toEqual([]);
});

test("a link to a page or a heading that does not exist is found", () => {
  const text = "[a](no-such-page.md) [b](README.md#no-such-heading) [c](README.md#sluice) [d](https://example.org/x) [e](#here)\n\n## Here\n";
  expect(brokenLinks("README.md", text)).toEqual(["no-such-page.md", "README.md#no-such-heading", "#here"]);
});
