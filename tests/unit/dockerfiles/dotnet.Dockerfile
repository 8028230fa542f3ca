FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk:8.0 AS build
ARG TARGETARCH
ARG BUILD_CONFIGURATION=Release
WORKDIR "/src"
COPY ["aspnetapp/aspnetapp.csproj", "aspnetapp/"]
RUN dotnet restore "./aspnetapp/aspnetapp.csproj" -a $TARGETARCH
COPY . .
RUN dotnet publish "./aspnetapp.csproj" -a ${TARGETARCH/amd64/x64} -c $BUILD_CONFIGURATION -o /app --no-restore

FROM mcr.microsoft.com/dotnet/aspnet:8.0 AS final
WORKDIR /app
EXPOSE 8080
EXPOSE 8081/TCP
COPY --from=build /app .
USER $APP_UID
ENTRYPOINT ["dotnet", "aspnetapp.dll"]
