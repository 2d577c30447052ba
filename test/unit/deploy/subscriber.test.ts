/** deploy/migrate/subscriber.mjs: from a table of Kamailio or OpenSIPS to a user file that the server reads. */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { HtdigestUsers } from "../../../src/auth/htdigest.js";

const SCRIPT = fileURLToPath(new URL("../../../deploy/migrate/subscriber.mjs", import.meta.url));
const hash = (algorithm: string, ...parts: readonly string[]): string => createHash(algorithm).update(parts.join(":")).digest("hex");
const run = (dump: string, ...args: readonly string[]): string => execFileSync(process.execPath, [SCRIPT, ...args], { input: dump, encoding: "utf8" });
const HA1 = hash("md5", "bob", "example.com", "hunter2");
const PASSWORD = "pa'ss\\w;ord,(1)";
const WANTED = [`alice:example.com:${hash("md5", "alice", "example.com", PASSWORD)}`, `alice:example.com:${hash("sha256", "alice", "example.com", PASSWORD)}`, `bob:example.com:${HA1}`];

const MYSQL = `-- MySQL dump 10.19
CREATE TABLE \`subscriber\` (
  \`id\` int(10) unsigned NOT NULL AUTO_INCREMENT,
  \`username\` varchar(64) NOT NULL DEFAULT '',
  \`domain\` varchar(64) NOT NULL DEFAULT '',
  \`password\` varchar(64) NOT NULL DEFAULT '',
  \`email_address\` varchar(128) NOT NULL DEFAULT '',
  \`ha1\` varchar(128) NOT NULL DEFAULT '',
  \`ha1b\` varchar(128) NOT NULL DEFAULT '',
  \`vmpin\` varchar(64) DEFAULT NULL,
  PRIMARY KEY (\`id\`),
  UNIQUE KEY \`account_idx\` (\`username\`,\`domain\`)
) ENGINE=InnoDB;
INSERT INTO \`version\` VALUES (1,'subscriber');
INSERT INTO \`subscriber\` VALUES (1,'alice','example.com','pa\\'ss\\\\w;ord,(1)','a@x','','',NULL),(2,'bob','example.com','','b@x','${HA1.toUpperCase()}','x',NULL);
`;
const STANDARD = `INSERT INTO public.subscriber (username, domain, password, ha1) VALUES ('alice', 'example.com', 'pa''ss\\w;ord,(1)', '');
INSERT INTO public.subscriber (username, domain, password, ha1) VALUES ('bob', 'example.com', NULL, '${HA1}');
`;
const COPY = `COPY public.subscriber (id, username, domain, password, ha1) FROM stdin;
1\talice\texample.com\tpa'ss\\\\w;ord,(1)\t\\N
2\tbob\texample.com\t\\N\t${HA1}
\\.
`;
const TABLE = `id\tusername\tdomain\tpassword\tha1
1\talice\texample.com\tpa'ss\\\\w;ord,(1)\tNULL
2\tbob\texample.com\t\t${HA1}
`;

for (const [name, dump] of Object.entries({ mysqldump: MYSQL, "pg_dump --inserts": STANDARD, pg_dump: COPY, "mysql -B": TABLE })) {
  test(`${name}: both hashes of a password, the one hash of a ha1, and the server reads the file`, () => {
    const file = run(dump);
    expect(file.trimEnd().split("\n")).toEqual(WANTED);
    expect(() => new HtdigestUsers(file)).not.toThrow();
  });
}

test("a table without domains needs one; what cannot be used is named by its row, and no password is shown", () => {
  const dump = "username\tdomain\tpassword\nalice\t\ts3cret\nbob:x\t\ts3cret\ncarol\t\t\nalice\t\ts3cret\n";
  const { stdout, stderr, status } = spawnSync(process.execPath, [SCRIPT, "--domain", "example.org"], { input: dump, encoding: "utf8" });
  expect(stdout).toBe(`alice:example.org:${hash("md5", "alice", "example.org", "s3cret")}\nalice:example.org:${hash("sha256", "alice", "example.org", "s3cret")}\n`);
  expect(stderr.trimEnd().split("\n")).toEqual(["row 2: no username, or one with a colon or a blank", "row 3: carol@example.org has neither password nor ha1", "row 4: alice@example.org is there twice"]);
  expect(status).toBe(1);
  const none = spawnSync(process.execPath, [SCRIPT], { input: "nothing of the kind\n", encoding: "utf8" });
  expect([none.status, none.stdout]).toEqual([1, ""]);
  expect(none.stderr).toContain("expected a dump of the table subscriber");
});
