import { ArmFault } from '../../arm-fault.ts';
import type { ArmWorld } from '../../world.ts';

export const networkVersions = [
  '2023-09-01',
  '2023-11-01',
  '2024-01-01',
  '2024-03-01',
  '2024-05-01',
  '2024-07-01',
  '2025-01-01',
  '2025-05-01',
  '2026-01-01',
] as const;

/** Refuses the id of a resource that does not exist. */
export function mustExist(world: ArmWorld, id: string | undefined, referredBy: string): void {
  if (id === undefined || world.store.get(id) !== undefined) return;
  const text = `Resource ${id} referenced by resource ${referredBy} was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.`;
  throw new ArmFault(400, 'InvalidResourceReference', text);
}

/** Refuses to remove what others use. */
export function mustBeUnused(world: ArmWorld, id: string, below: string, code: string, what: string): void {
  const [user] = world.store.referrers(id, below).filter(({ type }) => !type.startsWith('Microsoft.Authorization/'));
  if (user === undefined) return;
  throw new ArmFault(400, code, `${what} ${id} is in use by ${user.id} and cannot be deleted.`);
}
