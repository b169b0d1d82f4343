import { SaltTable } from '@holdfast/uid2';
import type { SaltSnapshot, SaltTableData } from '@holdfast/uid2';

/** A salt snapshot as it is posted to a thread: its table lies in shared memory and is not copied. */
export type SharedSalts = Omit<SaltSnapshot, 'table'> & { readonly table: SaltTableData };

export function shareSalts(salts: SaltSnapshot): SharedSalts {
  return { ...salts, table: salts.table.share() };
}

export function saltsFromShared(shared: SharedSalts): SaltSnapshot {
  return { ...shared, table: SaltTable.fromShared(shared.table) };
}
