#!/usr/bin/env bash
# Registers the Entra application that people sign in to for the HTTP functions, with its two roles, or removes it again.
set -euo pipefail

usage='usage: infra/register-sign-in.sh [--name NAME] [--readers GROUP_ID] [--operators GROUP_ID] [--dry-run] [--undo]
  --name       display name (default: Enterprise Number Archiver)
  --readers    object id of the group that gets the role Archive Reader
  --operators  object id of the group that gets the role Archive Operator
  --dry-run    say what would be done, change nothing
  --undo       remove the application with everything that was given to it
Needs: az, signed in as an Application Administrator. Prints SIGN_IN_CLIENT_ID for the deployment.'

# Fixed ids, so that a second run finds what the first one made.
reader_role=5e0d1b1c-5f0e-4a52-9d0a-4b8f6f2c7a01
operator_role=5e0d1b1c-5f0e-4a52-9d0a-4b8f6f2c7a02
scope=5e0d1b1c-5f0e-4a52-9d0a-4b8f6f2c7a03
azure_cli=04b07795-8ddb-461a-bbee-02f9e1bf7b46

fail() {
  echo "register-sign-in.sh: $1" >&2
  exit 2
}

guid() {
  [[ $2 =~ ^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$ ]] || fail "$1 expects an object id"
}

name='Enterprise Number Archiver' readers='' operators='' dry_run=false undo=false
while (($# > 0)); do
  case $1 in
    --name | --readers | --operators)
      (($# > 1)) || fail "$1 expects a value"
      case $1 in
        --name) name=$2 ;;
        --readers) guid "$1" "$2" && readers=$2 ;;
        --operators) guid "$1" "$2" && operators=$2 ;;
      esac
      shift
      ;;
    --dry-run) dry_run=true ;;
    --undo) undo=true ;;
    --help)
      echo "$usage"
      exit 0
      ;;
    *) fail "unknown option $1
$usage" ;;
  esac
  shift
done
# It becomes part of a filter and of JSON.
[[ $name =~ ^[A-Za-z0-9\ ._-]{1,120}$ ]] || fail '--name expects letters, digits, blanks, dots and dashes'

# Says what it does; does it, unless this is a dry run.
change() {
  local what=$1
  shift
  if [[ $dry_run == true ]]; then
    echo "Would $what."
  else
    az "$@" --output none
    echo "Done: $what."
  fi
}

graph=$(az cloud show --query endpoints.microsoftGraphResourceId --output tsv)
graph=${graph%/}/v1.0

app_ids=$(az ad app list --filter "displayName eq '$name'" --query '[].appId' --output tsv)
[[ $(wc -w <<<"$app_ids") -le 1 ]] || fail "there is more than one application called $name; give another --name or remove one"
app_id=$app_ids

if [[ $undo == true ]]; then
  if [[ -z $app_id ]]; then
    echo "There is no application called $name: nothing to do."
  else
    change "remove the application $name" ad app delete --id "$app_id"
  fi
  exit 0
fi

if [[ -z $app_id ]]; then
  if [[ $dry_run == true ]]; then
    echo "Would register the application $name with the roles Archive Reader and Archive Operator, its service principal and the groups' roles."
    exit 0
  fi
  app_id=$(az ad app create --display-name "$name" --sign-in-audience AzureADMyOrg --query appId --output tsv)
  echo "Done: register the application $name."
fi

is=$(az ad app show --id "$app_id" --output tsv --query \
  "join(' ', [join(',', sort(appRoles[?isEnabled].id)), join(',', api.oauth2PermissionScopes[?isEnabled].id), join(',', identifierUris), to_string(api.requestedAccessTokenVersion), signInAudience])")
if [[ $is != "$reader_role,$operator_role $scope api://$app_id 2 AzureADMyOrg" ]]; then
  change 'give the application its roles and its address' rest --method patch --url "$graph/applications(appId='$app_id')" \
    --headers Content-Type=application/json --body "{
      \"signInAudience\": \"AzureADMyOrg\",
      \"identifierUris\": [\"api://$app_id\"],
      \"appRoles\": [
        {\"id\": \"$reader_role\", \"value\": \"Archive.Reader\", \"displayName\": \"Archive Reader\", \"isEnabled\": true,
         \"allowedMemberTypes\": [\"User\", \"Application\"], \"description\": \"Sees parked items and reports\"},
        {\"id\": \"$operator_role\", \"value\": \"Archive.Operator\", \"displayName\": \"Archive Operator\", \"isEnabled\": true,
         \"allowedMemberTypes\": [\"User\", \"Application\"], \"description\": \"Sees parked items and reports, and reprocesses\"}
      ],
      \"api\": {
        \"requestedAccessTokenVersion\": 2,
        \"oauth2PermissionScopes\": [
          {\"id\": \"$scope\", \"value\": \"user_impersonation\", \"type\": \"User\", \"isEnabled\": true,
           \"adminConsentDisplayName\": \"Use the archiver\", \"adminConsentDescription\": \"Use the archiver in the name of the signed-in user\",
           \"userConsentDisplayName\": \"Use the archiver\", \"userConsentDescription\": \"Use the archiver in your name\"}
        ]
      }
    }"
fi

# A second request: a client can be trusted only with a scope that is there.
clients=$(az ad app show --id "$app_id" --query "api.preAuthorizedApplications[].appId" --output tsv)
if [[ $clients != "$azure_cli" ]]; then
  change 'let the Azure CLI ask for tokens' rest --method patch --url "$graph/applications(appId='$app_id')" \
    --headers Content-Type=application/json \
    --body "{\"api\": {\"preAuthorizedApplications\": [{\"appId\": \"$azure_cli\", \"delegatedPermissionIds\": [\"$scope\"]}]}}"
fi

principal=$(az ad sp list --filter "appId eq '$app_id'" --query '[].id' --output tsv)
if [[ -z $principal ]]; then
  change 'make the service principal' ad sp create --id "$app_id"
  principal=$(az ad sp list --filter "appId eq '$app_id'" --query '[].id' --output tsv)
fi

if [[ -n $principal ]]; then
  # So that nobody without one of the two roles gets a token at all.
  required=$(az ad sp show --id "$principal" --query appRoleAssignmentRequired --output tsv)
  if [[ $required != true ]]; then
    change 'refuse people without a role' ad sp update --id "$principal" --set appRoleAssignmentRequired=true
  fi

  give() {
    local role=$1 group=$2 role_name=$3 existing
    [[ -n $group ]] || return 0
    existing=$(az rest --method get --url "$graph/servicePrincipals/$principal/appRoleAssignedTo" \
      --query "value[?appRoleId=='$role' && principalId=='$group'].id" --output tsv)
    if [[ -z $existing ]]; then
      change "give the group $group the role $role_name" rest --method post --url "$graph/servicePrincipals/$principal/appRoleAssignedTo" \
        --headers Content-Type=application/json \
        --body "{\"principalId\": \"$group\", \"resourceId\": \"$principal\", \"appRoleId\": \"$role\"}"
    fi
  }
  give "$reader_role" "$readers" 'Archive Reader'
  give "$operator_role" "$operators" 'Archive Operator'
fi

echo "SIGN_IN_CLIENT_ID=$app_id"
