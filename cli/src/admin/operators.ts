import type { OperatorRecord, OperatorType } from '@holdfast/uid2';
import { createOperator, setOperatorEnabled, updateOperator } from '@holdfast/uid2/administration';

import type { ChangeFlags, WorldFlags } from '../commands/uid2-admin/flags.ts';
import type { OperatorCreateFlags, OperatorUpdateFlags } from '../commands/uid2-admin/operator.ts';
import type { CliContext } from '../context.ts';
import { keyNaming } from './key-naming.ts';
import { runChange } from './run-change.ts';
import { runList, shownRecord, stateText } from './run-list.ts';
import { renderFacts, timeText } from './table.ts';

export function runOperatorCreate(context: CliContext, flags: OperatorCreateFlags, name: string): Promise<void> {
  return runChange(
    context,
    flags,
    (world, administration) =>
      createOperator(
        world,
        {
          name,
          protocol: flags.protocol,
          siteId: flags.site,
          operatorType: operatorType(flags.type),
          roles: flags.roles ?? ['OPERATOR', 'OPTOUT'],
        },
        keyNaming(world, flags.environment),
        administration,
      ),
    // The only place that shows an operator key.
    ({ operator, key }) => ({
      json: { operator: { ...operatorJson(operator), operatorKey: key } },
      text: renderFacts([
        ['name', operator.name],
        ['site', operator.siteId ?? '-'],
        ['key id', operator.keyId],
        ['operator key', key],
      ]),
    }),
  );
}

export function runOperatorUpdate(context: CliContext, flags: OperatorUpdateFlags, name: string): Promise<void> {
  return runChange(
    context,
    flags,
    (world, administration) =>
      updateOperator(
        world,
        name,
        {
          ...(flags.site === undefined ? {} : { siteId: flags.site }),
          ...(flags.type === undefined ? {} : { operatorType: operatorType(flags.type) }),
          ...(flags.roles === undefined ? {} : { roles: flags.roles }),
        },
        administration,
      ),
    (operator) => shownRecord('operator', operatorJson(operator), `operator ${operator.name} updated`),
  );
}

export function runOperatorDisable(context: CliContext, flags: ChangeFlags, name: string): Promise<void> {
  return runChange(
    context,
    flags,
    (world) => setOperatorEnabled(world, name, false),
    (operator) => shownRecord('operator', operatorJson(operator), `operator ${operator.name} disabled`),
  );
}

export function runOperatorEnable(context: CliContext, flags: ChangeFlags, name: string): Promise<void> {
  return runChange(
    context,
    flags,
    (world) => setOperatorEnabled(world, name, true),
    (operator) => shownRecord('operator', operatorJson(operator), `operator ${operator.name} enabled`),
  );
}

export function runOperatorList(context: CliContext, flags: WorldFlags): Promise<void> {
  return runList<OperatorRecord>(context, flags, (world) => ({
    name: 'operators',
    records: world.operators,
    headings: ['NAME', 'KEY ID', 'SITE', 'STATE', 'TYPE', 'PROTOCOL', 'ROLES', 'CREATED'],
    row: (operator) => [
      operator.name,
      operator.keyId,
      operator.siteId ?? '-',
      stateText(operator.disabled),
      operator.operatorType.toLowerCase(),
      operator.protocol,
      operator.roles.join(','),
      timeText(operator.created),
    ],
    json: operatorJson,
  }));
}

function operatorType(type: Lowercase<OperatorType>): OperatorType {
  return type === 'public' ? 'PUBLIC' : 'PRIVATE';
}

function operatorJson(operator: OperatorRecord): Readonly<Record<string, unknown>> {
  const { keyId, name, contact, siteId = null, protocol, operatorType, roles, disabled, created } = operator;
  return { keyId, name, contact, siteId, protocol, operatorType, roles, disabled, created };
}
