import type { WorldParts, WorldSource } from '../../src/serving-threads/world-parts.ts';
import { keysetParts } from '../world.ts';
import type { World } from '../world.ts';

/** The parts of a small world, as the lifecycle's stores would give them. */
export function worldSource(world: World): WorldSource {
  const { stores } = world.context;
  const { keysets, keys } = keysetParts();
  const part = <T>(stamp: () => unknown, read: () => T): { stamp: () => unknown; read: () => T } => ({ stamp, read });
  const nothing = part(
    () => undefined,
    () => undefined,
  );
  return {
    runtimeConfig: part(
      () => stores.runtimeConfig(),
      () => stores.runtimeConfig(),
    ),
    clients: part(
      () => stores.clients().size,
      () => [...stores.clients().records()],
    ),
    keysets: part(
      () => keysets,
      () => keysets,
    ),
    keysetKeys: part(
      () => keys,
      () => keys,
    ),
    salts: part(
      () => stores.salts(),
      () => stores.salts().map((snapshot) => ({ ...snapshot, table: snapshot.table.share() })),
    ),
    optOuts: part(
      () => stores.optOuts(),
      () => stores.optOuts().data,
    ),
    sites: nothing,
    clientSideKeypairs: nothing,
    services: nothing,
    serviceLinks: nothing,
  };
}

/** All parts at once. */
export function worldParts(world: World): WorldParts {
  const source = worldSource(world);
  return Object.fromEntries(Object.entries(source).map(([name, { read }]) => [name, read()])) as unknown as WorldParts;
}
