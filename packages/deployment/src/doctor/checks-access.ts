import { roleDefinitionId } from '../rules/roles.ts';
import { check, checkFor, findings, notChecked, olderThan } from './check.ts';
import type { Check } from './check.ts';

const CLI_REMEDY = 'Run az upgrade; az --version shows what is installed.';

export const toolChecks: readonly Check[] = [
  check({
    id: 'TL-01',
    title: 'Node.js is new enough',
    severity: 'error',
    needs: ['tools'],
    explanation: 'The Kubernetes client does not load in older releases.',
    remedy: 'Install Node.js 22.19 or later.',
    run: (_config, { tools }) =>
      tools === undefined
        ? notChecked
        : findings(olderThan(tools.node, '22.19') && `Node.js ${tools.node} is older than 22.19`),
  }),
  check({
    id: 'TL-02',
    title: 'The Azure CLI is new enough',
    severity: 'warning',
    needs: ['tools'],
    explanation: 'Only looked at when it is used: for the credential, or for confidential containers.',
    remedy: CLI_REMEDY,
    run: (config, { tools }) => {
      if (tools === undefined) return notChecked;
      if (tools.usesAzureCli !== true && config.profile !== 'kata-cc') return [];
      const version = tools.azureCli?.version;
      if (version === undefined) return findings('the Azure CLI is not installed');
      return findings(olderThan(version, '2.44.1') && `the Azure CLI ${version} is older than 2.44.1`);
    },
  }),
  check({
    id: 'TL-03',
    title: 'The Azure CLI is none of the known bad releases',
    severity: 'warning',
    needs: ['tools'],
    explanation: 'A release with Python 3.14 hangs while it creates networks; 2.62.0 broke the policy generator.',
    remedy: 'Install another release. Deploying does not need the Azure CLI.',
    run: (_config, { tools }) => {
      if (tools === undefined) return notChecked;
      const { version, python } = tools.azureCli ?? {};
      return findings(
        python?.startsWith('3.14') === true && `the Azure CLI brings Python ${python}`,
        version === '2.62.0' && 'the Azure CLI 2.62.0 cannot generate policies',
      );
    },
  }),
  check({
    id: 'TL-04',
    title: 'The extensions of the Azure CLI are there',
    severity: 'warning',
    needs: ['tools'],
    explanation: 'The guide generates policies with them. An error for confidential containers, otherwise only a hint.',
    remedy: 'Run az extension add --upgrade --name aks-preview, and the same for confcom.',
    run: (config, { tools }) => {
      if (tools?.azureCli === undefined) return tools === undefined || config.profile === 'kata-cc' ? notChecked : [];
      const severity = config.profile === 'kata-cc' ? 'error' : 'warning';
      const { extensions } = tools.azureCli;
      const needed = { 'aks-preview': '0.5.169', confcom: '0.3.3' };
      return Object.entries(needed).flatMap(([name, least]) => {
        const version = extensions[name];
        if (version === undefined)
          return config.profile === 'kata-cc' ? [{ message: `${name} is missing`, severity }] : [];
        return olderThan(version, least) ? [{ message: `${name} ${version} is older than ${least}`, severity }] : [];
      });
    },
  }),
  check({
    id: 'TL-05',
    title: 'kubectl and helm',
    severity: 'info',
    needs: ['tools'],
    explanation: 'Both are optional; kubectl is useful to look around.',
    remedy: 'Azure Cloud Shell has kubectl; elsewhere az aks install-cli installs it.',
    run: (_config, { tools }) => {
      if (tools === undefined) return notChecked;
      return findings(
        tools.kubectl === undefined
          ? 'kubectl is not installed'
          : olderThan(tools.kubectl, '1.30') && `kubectl ${tools.kubectl} is older than 1.30`,
      );
    },
  }),
  check({
    id: 'TM-01',
    title: 'The clock is right',
    severity: 'warning',
    needs: ['tools'],
    explanation: 'Tokens are refused, and the countdowns of twelve hours are wrong.',
    remedy: 'Switch on time synchronisation.',
    run: (_config, { tools }) => {
      const skew = tools?.clockSkewSeconds;
      if (skew === undefined) return notChecked;
      return findings(Math.abs(skew) > 120 && `this machine's clock is ${skew} s off`);
    },
  }),
];

export const credentialChecks: readonly Check[] = [
  check({
    id: 'CR-01',
    title: 'There is a credential',
    severity: 'error',
    needs: ['azure'],
    explanation: 'Nothing can be read without one.',
    remedy: 'Run az login, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET.',
    run: (_config, { azure }) => {
      if (azure?.credential === undefined) return notChecked;
      const { token, tried } = azure.credential;
      if (token !== undefined) return [];
      return findings(
        `no credential gave a token: ${tried.map(({ name, problem }) => `${name} (${problem})`).join(', ')}`,
      );
    },
  }),
  check({
    id: 'CR-02',
    title: 'Token and subscription belong to the same directory',
    severity: 'error',
    needs: ['azure'],
    explanation: 'Azure answers every request with 401 otherwise.',
    remedy: 'Sign in to the directory of the subscription: az login --tenant ID.',
    run: (_config, { azure }) => {
      const token = azure?.credential?.token;
      if (token === undefined || azure?.subscription === undefined) return notChecked;
      const { tenantId } = azure.subscription;
      return findings(
        token.tenantId !== tenantId &&
          `the token is for directory ${token.tenantId}, the subscription is in ${tenantId}`,
      );
    },
  }),
  check({
    id: 'CR-03',
    title: 'The token lasts long enough',
    severity: 'warning',
    needs: ['azure'],
    explanation: 'Creating a cluster may take longer than a token that cannot be renewed.',
    remedy: 'Sign in again, or use a credential that renews its tokens.',
    run: (_config, { azure }) => {
      const token = azure?.credential?.token;
      if (token === undefined) return notChecked;
      return findings(!token.refreshable && token.minutesLeft < 60 && `the token ends in ${token.minutesLeft} minutes`);
    },
  }),
  check({
    id: 'CR-04',
    title: 'The subscription is named',
    severity: 'error',
    needs: ['azure'],
    explanation: 'With several to choose from, a guess could deploy to the wrong one.',
    remedy: 'Set subscriptionId.',
    run: (config, { azure }) => {
      if (config.subscriptionId !== undefined) return [];
      if (azure?.credential === undefined) return notChecked;
      const { subscriptions } = azure.credential;
      if (subscriptions.length <= 1) return [];
      const names = subscriptions.map(({ id, name }) => `${name} (${id})`).join(', ');
      return [{ message: `there are ${subscriptions.length} subscriptions: ${names}`, path: ['subscriptionId'] }];
    },
  }),
  check({
    id: 'SB-01',
    title: 'The subscription is enabled',
    severity: 'error',
    needs: ['azure'],
    explanation: 'A disabled or overdue subscription takes no deployments.',
    remedy: 'Enable it in the Azure portal.',
    run: (_config, { azure }) =>
      azure?.subscription === undefined
        ? notChecked
        : findings(azure.subscription.state !== 'Enabled' && `the subscription is ${azure.subscription.state}`),
  }),
  check({
    id: 'SB-02',
    title: 'The subscription has no spending limit',
    severity: 'warning',
    needs: ['azure'],
    explanation: 'Offers with a spending limit usually have no confidential capacity, and stop when it is reached.',
    remedy: 'Use a pay-as-you-go or enterprise subscription.',
    run: (_config, { azure }) => {
      if (azure?.subscription === undefined) return notChecked;
      const { spendingLimit, quotaId } = azure.subscription;
      return findings(spendingLimit && `the subscription has a spending limit (offer ${quotaId})`);
    },
  }),
];

export const permissionChecks: readonly Check[] = [
  check({
    id: 'PM-01',
    title: 'The resource group may be created',
    severity: 'error',
    needs: ['azure'],
    explanation: 'Only an Owner or Contributor of the subscription can; afterwards rights on the group are enough.',
    remedy: 'Let an Owner of the subscription create the group, or give you the right.',
    run: (config, { azure }) => {
      if (azure?.permissions === undefined || azure.group === undefined) return notChecked;
      if (azure.group.exists || azure.permissions.createGroup === 'allowed') return [];
      const name = config.resourceGroup.name;
      if (azure.permissions.createGroup === 'unknown') {
        return [{ message: `it cannot be told whether ${name} may be created`, severity: 'warning' }];
      }
      return findings(`the group ${name} does not exist and you may not create it`);
    },
  }),
  check({
    id: 'PM-02',
    title: 'Resources may be created in the group',
    severity: 'error',
    needs: ['azure'],
    explanation: 'The deployment needs what the role Contributor allows.',
    remedy: 'Ask for the role Contributor on the group.',
    run: (_config, { azure }) => {
      const missingActions = azure?.permissions?.missingActions;
      if (missingActions === undefined) return notChecked;
      return findings(missingActions.length > 0 && `you lack ${missingActions.join(', ')}`);
    },
  }),
  check({
    id: 'PM-03',
    title: 'Roles may be assigned',
    severity: 'error',
    needs: ['azure'],
    explanation: 'Contributor is not enough, although the guides say so: it cannot assign roles.',
    remedy: 'Ask for Owner, User Access Administrator or Role Based Access Control Administrator.',
    run: (_config, { azure }) => {
      const refused = azure?.permissions?.noAssignmentsAt;
      if (refused === undefined) return notChecked;
      return findings(...refused.map((scope) => `you may not assign roles at ${scope}`));
    },
  }),
  check({
    id: 'PM-04',
    title: 'No condition stops the roles that are needed',
    severity: 'warning',
    needs: ['azure'],
    explanation: 'Some administrators may grant only certain roles, such as those of a vault.',
    remedy: 'Ask for an administrator role without that condition.',
    run: (config, { azure }) => {
      if (azure?.permissions === undefined) return notChecked;
      return findings(
        ...azure.permissions.conditional.map(
          ({ scope, refused }) => `at ${scope} you may not grant ${refused.join(', ')} (${config.profile} needs it)`,
        ),
      );
    },
  }),
  checkFor(['uid2-vn2', 'private-link'], {
    id: 'PM-05',
    title: 'The secret may be written',
    severity: 'error',
    needs: ['azure'],
    explanation: 'It is written through Azure Resource Manager, which needs Microsoft.KeyVault/vaults/secrets/write.',
    remedy: 'Ask for Contributor on the vault.',
    run: (_config, { azure }) =>
      azure?.permissions === undefined || azure.permissions.writeSecret === 'unknown'
        ? notChecked
        : findings(azure.permissions.writeSecret === 'refused' && 'you may not write secrets of the vault'),
  }),
  check({
    id: 'PM-06',
    title: 'Nothing locks the group',
    severity: 'error',
    needs: ['azure'],
    explanation: 'A read-only lock stops every deployment; a lock against deletion stops only the removal.',
    remedy: 'Remove the lock, or ask whoever set it.',
    run: (_config, { azure }) => {
      if (azure?.group === undefined) return notChecked;
      return azure.group.locks.map(({ name, level }) => ({
        message: `the lock ${name} is ${level}`,
        severity: level === 'ReadOnly' ? 'error' : 'warning',
      }));
    },
  }),
  check({
    id: 'PM-07',
    title: 'No policy of the organisation is in the way',
    severity: 'warning',
    needs: ['azure'],
    explanation: 'Policies may deny public addresses, regions, sizes or privileged containers.',
    remedy: 'Ask the owner of the policy for an exemption.',
    run: (_config, { azure }) => {
      if (azure?.permissions?.denyingPolicies === undefined) return notChecked;
      return findings(...azure.permissions.denyingPolicies.map((name) => `the policy ${name} is likely to deny this`));
    },
  }),
  check({
    id: 'PM-08',
    title: 'Role assignments may be removed',
    severity: 'warning',
    needs: ['azure'],
    explanation: 'Removing a deployment, and replacing assignments of an identity that was made anew, needs it.',
    remedy: `Ask for a role with Microsoft.Authorization/roleAssignments/delete, such as ${roleDefinitionId('…', 'rbacAdministrator').split('/').at(-1)}.`,
    run: (_config, { azure }) => {
      const refused = azure?.permissions?.noAssignmentRemovalAt;
      if (refused === undefined) return notChecked;
      return findings(...refused.map((scope) => `you may not remove roles at ${scope}`));
    },
  }),
];
