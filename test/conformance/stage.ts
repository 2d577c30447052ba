/** Declares the cases of all documents as tests for one combination of transports; those of a file that need the same server share it. */
import { afterAll, describe, test } from "vitest";
import { type Case, readDocuments } from "./document.js";
import { Cast, type Scenery, serverOf } from "../support/cast.js";
import { Player } from "./player.js";
import type { Splitter, Transport } from "../support/wire.js";

export interface Way {
  readonly name: string;
  readonly client: Transport;
  readonly core: Transport;
  readonly host?: string;
  /** Chooses the split points for a case. */
  readonly split?: (script: Case) => Splitter;
}

const casts = new Map<string, Promise<Cast>>();

export function playAll(way: Way, isWanted: (script: Case) => boolean = () => true): void {
  // The scenery is chosen before the case is known, so the splitter looks up the current case.
  let playing: Splitter | undefined;
  afterAll(async () => {
    const ending = [...casts.values()];
    casts.clear();
    for (const cast of await Promise.allSettled(ending)) if (cast.status === "fulfilled") await cast.value.end();
  });

  const assemble = async (script: Case): Promise<Cast> => {
    const scenery: Scenery = {
      client: way.client,
      core: way.core,
      host: way.host ?? "127.0.0.1",
      shared: script.shared,
      settings: script.settings,
      ...(way.split ? { split: (text: string) => playing?.(text) ?? [text] } : {}),
    };
    const key = serverOf(scenery);
    const ready = casts.get(key) ?? Cast.assemble(scenery);
    casts.set(key, ready);
    const cast = await ready;
    cast.dress(scenery);
    return cast;
  };

  const scripts = readDocuments().filter((script) => fits(script, way) && isWanted(script));
  for (const file of new Set(scripts.map((script) => script.file))) {
    describe(`${file}, ${way.name}`, () => {
      for (const script of scripts.filter((one) => one.file === file)) {
        test(script.name, async () => {
          const cast = await assemble(script);
          await cast.enter();
          playing = way.split?.(script);
          try {
            await new Player(cast, script).play();
          } finally {
            playing = undefined;
            await cast.exit();
          }
          await cast.SUT.expectHealthy();
        });
      }
    });
  }
}

function fits(script: Case, way: Way): boolean {
  const isWebSocket = way.client === "ws" || way.client === "wss";
  // TLS carries a stream just as TCP does.
  if (script.client && script.client !== (way.client === "tls" ? "tcp" : way.client)) return false;
  if (script.octets && isWebSocket) return false;
  // With shared listeners, the core's TCP and these clients would need the same port.
  if (script.shared && way.core === "tcp" && (isWebSocket || way.client === "tls")) return false;
  if (script.core && script.core !== way.core) return false;
  return !(script.ipv4 && way.host?.includes(":"));
}
