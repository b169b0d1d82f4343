import { normaliseRegion } from '../rules/regions.ts';
import { checkFor, findings, notChecked } from './check.ts';
import type { Check } from './check.ts';

const vaulted = ['uid2-vn2', 'kata-cc', 'private-link'] as const;

export const rightsChecks: readonly Check[] = [
  checkFor(vaulted, {
    id: 'RP-01',
    title: 'A fresh role on the vault is given time',
    severity: 'warning',
    needs: ['azure'],
    explanation: 'Roles take minutes, and identities may remember old rights for up to a day.',
    remedy: 'Wait; restarting the pod gets a new token.',
    run: (_config, { azure }) => {
      if (azure?.vault === undefined) return notChecked;
      const { denied } = azure.vault;
      const fresh = denied !== undefined && denied.assignedMinutesAgo < 24 * 60;
      return findings(
        fresh && `the vault answers ${denied.code}; the role was assigned ${denied.assignedMinutesAgo} minutes ago`,
      );
    },
  }),
  checkFor(['uid2-vn2'], {
    id: 'RP-02',
    title: 'The rights of the nodes have taken effect',
    severity: 'warning',
    needs: ['cluster'],
    explanation: 'Pods stay pending with AuthorizationFailed until they have.',
    remedy: 'Wait up to half an hour; then look at RA-01.',
    run: (_config, { azure }) =>
      azure?.cluster?.inside === undefined ? notChecked : findings(...azure.cluster.inside.authorizationFailures),
  }),
  checkFor(['uid2-vn2'], {
    id: 'RA-01',
    title: 'The nodes have their roles',
    severity: 'error',
    needs: ['azure'],
    explanation: 'Without them the virtual node cannot create container groups or use the subnet.',
    remedy: 'Run the stages S5a and S5b again.',
    run: (_config, { azure }) =>
      azure?.assignments === undefined
        ? notChecked
        : findings(...azure.assignments.kubeletMissingAt.map((scope) => `the nodes have no role at ${scope}`)),
  }),
  checkFor(vaulted, {
    id: 'RA-02',
    title: 'No role was given to a client id',
    severity: 'error',
    needs: ['azure'],
    explanation: 'The guide keeps a client id in a variable called principal id; a role for it has no effect.',
    remedy: 'Delete the assignment, and create it for the object id of the identity.',
    run: (_config, { azure }) =>
      azure?.assignments === undefined
        ? notChecked
        : findings(...azure.assignments.clientIdAssignments.map((name) => `the assignment ${name} is for a client id`)),
  }),
  checkFor(vaulted, {
    id: 'VT-01',
    title: 'The vault decides by roles',
    severity: 'error',
    needs: ['azure'],
    explanation: 'In a vault with access policies the role Key Vault Secrets User has no effect.',
    remedy: 'Switch the vault to role-based access control.',
    run: (config, { azure }) =>
      azure?.vault === undefined
        ? notChecked
        : findings(azure.vault.live?.rbac === false && `the vault ${config.vault.name} uses access policies`),
  }),
  checkFor(vaulted, {
    id: 'VT-02',
    title: 'The vault is protected against purging',
    severity: 'warning',
    explanation: 'The guides switch it on. It cannot be switched off again.',
    remedy: 'Set vault.purgeProtection to true.',
    run: (config, { azure }) => {
      const off = !config.vault.purgeProtection || azure?.vault?.live?.purgeProtection === false;
      return off ? [{ message: 'a deleted vault could be purged at once', path: ['vault', 'purgeProtection'] }] : [];
    },
  }),
  checkFor(vaulted, {
    id: 'VT-03',
    title: 'The firewall of the vault lets everybody through who needs it',
    severity: 'error',
    needs: ['azure'],
    explanation: 'The pods read the vault; whoever writes keys or secrets directly must reach it as well.',
    remedy: 'Add a rule, or a private endpoint.',
    run: (_config, { azure }) =>
      azure?.vault === undefined
        ? notChecked
        : findings(...(azure.vault.live?.blocked ?? []).map((who) => `the firewall of the vault blocks ${who}`)),
  }),
  checkFor(vaulted, {
    id: 'VT-04',
    title: 'The vault is in the same directory and region',
    severity: 'warning',
    needs: ['azure'],
    explanation: 'Identities of another directory cannot read it.',
    remedy: 'Use a vault of this deployment.',
    run: (config, { azure }) => {
      if (azure?.vault === undefined) return notChecked;
      const { live } = azure.vault;
      if (live === undefined) return [];
      return findings(
        azure.subscription !== undefined &&
          live.tenantId !== azure.subscription.tenantId &&
          `the vault is in directory ${live.tenantId}`,
        normaliseRegion(live.location) !== normaliseRegion(config.location) && `the vault is in ${live.location}`,
      );
    },
  }),
];
