#!/usr/bin/env bash
# Lets the app's identity read the directory's users (User.Read.All of Microsoft Graph), or takes that right away again.
set -euo pipefail

usage='usage: infra/grant-directory-read.sh --identity OBJECT_ID [--dry-run] [--undo]
  --identity  IDENTITY_PRINCIPAL_ID of the deployment
  --dry-run   say what would be done, change nothing
  --undo      take the right away
Needs: az, signed in as a Privileged Role Administrator.'

graph_app=00000003-0000-0000-c000-000000000000
user_read_all=df021288-bdef-4463-88db-98f22de89214

fail() {
  echo "grant-directory-read.sh: $1" >&2
  exit 2
}

identity='' dry_run=false undo=false
while (($# > 0)); do
  case $1 in
    --identity)
      (($# > 1)) || fail '--identity expects an object id'
      identity=$2
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
[[ $identity =~ ^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$ ]] || fail "--identity expects an object id
$usage"

# The Graph of the cloud that az is signed in to, not always graph.microsoft.com.
graph=$(az cloud show --query endpoints.microsoftGraphResourceId --output tsv)
assignments=${graph%/}/v1.0/servicePrincipals/$identity/appRoleAssignments

resource=$(az ad sp show --id "$graph_app" --query id --output tsv)
existing=$(az rest --method get --url "$assignments" --query "value[?appRoleId=='$user_read_all' && resourceId=='$resource'].id" --output tsv)

if [[ $undo == true ]]; then
  if [[ -z $existing ]]; then
    echo 'The identity does not have User.Read.All: nothing to do.'
  elif [[ $dry_run == true ]]; then
    echo 'Would take User.Read.All from the identity.'
  else
    az rest --method delete --url "$assignments/$existing" --output none
    echo 'Took User.Read.All from the identity. A token that it holds stays good for up to a day.'
  fi
elif [[ -n $existing ]]; then
  echo 'The identity has User.Read.All already: nothing to do.'
elif [[ $dry_run == true ]]; then
  echo 'Would give the identity User.Read.All.'
else
  az rest --method post --url "$assignments" --headers Content-Type=application/json --output none \
    --body "{\"principalId\":\"$identity\",\"resourceId\":\"$resource\",\"appRoleId\":\"$user_read_all\"}"
  echo 'Gave the identity User.Read.All.'
fi
