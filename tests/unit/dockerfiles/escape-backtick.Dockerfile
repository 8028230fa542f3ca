# escape=`

FROM mcr.microsoft.com/windows/servercore:ltsc2022
SHELL ["powershell", "-Command", "$ErrorActionPreference = 'Stop';"]
RUN Invoke-WebRequest `
      -Uri https://example.com/a.zip `
      -OutFile C:\a.zip ; `
    Expand-Archive C:\a.zip C:\a
COPY a.txt C:\a\
WORKDIR C:\a
ENV A=`"quoted`" B="x `$y" C=\
USER ContainerAdministrator
ENTRYPOINT ["powershell.exe", "-File", "C:\\entry.ps1"]
