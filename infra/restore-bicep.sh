#!/usr/bin/env bash
# Puts the Bicep CLI, and a PowerShell engine for the tests of the one PowerShell script, into infra/.tools. Needs the .NET SDK 10.
set -euo pipefail

bicep_version=0.49.2
# Of the package file, so that another file under the same version is refused.
bicep_sha512=9019d7d221bdc1dfcf59d093c057d4be6e897a69fee4beec63b6fb1d08b993e2cbc1d166adbc38cb94532c5c5ec0214c741a944e188e20b31aeec8339253c401

infra=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools=$infra/.tools
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

if ! command -v dotnet >/dev/null; then
  echo 'restore-bicep.sh: the .NET SDK 10 (dotnet) is needed to fetch the Bicep CLI from NuGet; or put a bicep on the PATH yourself' >&2
  exit 1
fi

mkdir -p "$tools"
cat >"$tools/restore.csproj" <<EOF
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <TargetFramework>net10.0</TargetFramework>
  </PropertyGroup>
  <ItemGroup>
    <PackageDownload Include="Azure.Bicep.CommandLine.linux-x64" Version="[$bicep_version]" />
  </ItemGroup>
</Project>
EOF
dotnet restore "$tools/restore.csproj" --packages "$tools/packages" --verbosity quiet

package=$tools/packages/azure.bicep.commandline.linux-x64/$bicep_version
if ! sha512sum --check --status <<<"$bicep_sha512  $package/azure.bicep.commandline.linux-x64.$bicep_version.nupkg"; then
  echo "restore-bicep.sh: the package of Bicep $bicep_version is not the one this project was tested with; nothing was installed" >&2
  rm -rf "$package"
  exit 1
fi
ln -sfn "packages/azure.bicep.commandline.linux-x64/$bicep_version/tools/bicep" "$tools/bicep"
"$tools/bicep" --version

dotnet build "$infra/../tests/infra/run-powershell.cs" --output "$tools/powershell" --verbosity quiet
echo "PowerShell engine in $tools/powershell"
