import com.hivemq.embedded.EmbeddedExtension;
import com.hivemq.embedded.EmbeddedHiveMQ;
import com.hivemq.extension.sdk.api.ExtensionMain;
import com.hivemq.extension.sdk.api.auth.SimpleAuthenticator;
import com.hivemq.extension.sdk.api.auth.parameter.SimpleAuthInput;
import com.hivemq.extension.sdk.api.auth.parameter.SimpleAuthOutput;
import com.hivemq.extension.sdk.api.auth.parameter.TopicPermission;
import com.hivemq.extension.sdk.api.auth.parameter.TopicPermission.PermissionType;
import com.hivemq.extension.sdk.api.parameter.ExtensionStartInput;
import com.hivemq.extension.sdk.api.parameter.ExtensionStartOutput;
import com.hivemq.extension.sdk.api.parameter.ExtensionStopInput;
import com.hivemq.extension.sdk.api.parameter.ExtensionStopOutput;
import com.hivemq.extension.sdk.api.services.Services;
import com.hivemq.extension.sdk.api.services.builder.Builders;
import java.nio.file.Path;

/** Runs HiveMQ with all its files in one folder; who has no password may do everything but on "denied/#". */
class HiveMq implements ExtensionMain, SimpleAuthenticator {
  public static void main(String[] args) throws Exception {
    Path folder = Path.of(args[0]);
    EmbeddedExtension extension =
        EmbeddedExtension.builder()
            .withId("access")
            .withName("access")
            .withVersion("1")
            .withExtensionMain(new HiveMq())
            .build();
    EmbeddedHiveMQ broker =
        EmbeddedHiveMQ.builder()
            .withConfigurationFolder(folder)
            .withDataFolder(folder.resolve("data"))
            .withExtensionsFolder(folder.resolve("extensions"))
            .withEmbeddedExtension(extension)
            .build();
    try {
      broker.start().join();
    } catch (RuntimeException e) {
      e.printStackTrace();
      System.exit(1);
    }
    Runtime.getRuntime().addShutdownHook(new Thread(() -> broker.stop().join()));
  }

  @Override
  public void extensionStart(ExtensionStartInput input, ExtensionStartOutput output) {
    Services.securityRegistry().setAuthenticatorProvider(provider -> this);
  }

  @Override
  public void extensionStop(ExtensionStopInput input, ExtensionStopOutput output) {}

  @Override
  public void onConnect(SimpleAuthInput input, SimpleAuthOutput output) {
    if (input.getConnectPacket().getPassword().isPresent()) {
      output.failAuthentication();
      return;
    }
    output.getDefaultPermissions().add(permission("denied/#", PermissionType.DENY));
    output.getDefaultPermissions().add(permission("#", PermissionType.ALLOW));
    output.authenticateSuccessfully();
  }

  private static TopicPermission permission(String filter, PermissionType type) {
    return Builders.topicPermission().topicFilter(filter).type(type).build();
  }
}
